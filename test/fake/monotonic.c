/* SPDX-License-Identifier: MIT
 *
 * monotonic - preloaded beside libfaketime by test/run: the monotonic clock stays as it is.
 *
 * FAKETIME_DONT_FAKE_MONOTONIC=1 makes libfaketime (0.9.10) leave that clock alone, but it
 * goes on shifting every absolute timerfd by the offset of the calendar: a year ahead no
 * timer of sd-event is armed. This one hands the time over as it is.
 */
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

int timerfd_settime(int fd, int flags, const struct itimerspec *to, struct itimerspec *was)
{
    return (int)syscall(SYS_timerfd_settime, fd, flags, to, was);
}
