/* SPDX-License-Identifier: MIT
 *
 * log_id - one MESSAGE_ID per event; each has an entry in packaging/smki-recovery.catalog
 * (a test compares the two). New ones by `systemd-id128 new`; never reuse one.
 */
#ifndef LOG_ID_H
#define LOG_ID_H

#define MSG_READY               "29a5aa7e31a644408100b76f34137b21"
#define MSG_STOPPING            "551b76bc43ea4504822342f20bc9c68d"
#define MSG_ROLE_REFUSED        "f4621cf0859b46ed86d33966f29efea3"
#define MSG_ROLE_UNKNOWN_NAME   "f97193b1e92946f380231bee65a5c7db"
#define MSG_CLIENTS_FULL        "4b6f7ef813e24d598dfea1795637c0f8"
#define MSG_INCIDENT_OPENED     "72c79de25234487489782109dc82b5c4"
#define MSG_INCIDENT_MOVED      "3e8489951858443d8ff4d530a1afe6b9"
#define MSG_ROSTER_STORED       "dab50e30e6b348a681a7a270c646e1a2"
#define MSG_CERTIFICATES_STORED "d786dcb7f5fa43ce894397aedd5a595a"
#define MSG_DECISION_ACCEPTED   "62b394ef2d8e4b368a8c7fd55c4ab584"
#define MSG_DECISION_REFUSED    "9dab3828a6914f548a123b018f4ddfaa"
#define MSG_BATCH_ACCEPTED      "89fd6cccc8604ea08f7022aa5cf05a65"
#define MSG_BATCH_CONFIRMED     "00eb30b979ac46f381881310a5a05306"
#define MSG_BATCH_STARTED       "ee24e114c70a47e8835e857b383a68a2"
#define MSG_BATCH_PAUSED        "959fd1c9d038448e8112ea7097a4f00d"
#define MSG_BATCH_RESUMED       "f33c0ad08f414a05847be88c49413926"
#define MSG_BATCH_STOPPED       "f9aa407a6991461587d31fa084167be9"
#define MSG_BATCH_DONE          "6c661760d28b46a78bc4d30048c12e6f"
#define MSG_COMMANDS_EXPORTED   "823e735c343346d18acfa45fee83a021"
#define MSG_RESPONSES_READ      "a1675e668f594f2682f276e20dc0a078"
#define MSG_FOUND               "7333d6007e3a43a9b990b0ce8b28687d"
#define MSG_SIGNER_READY        "34e02cba799545f58cfa3a02422fbdf7"
#define MSG_SIGNER_LOST         "7f29918738c54548880cf0a654bd245f"
#define MSG_SIGNER_HUNG         "e33e83a9549a415a8271886c196fe78f"
#define MSG_TOKEN_TROUBLE       "f1c5100268fa4ad784ee21a428a846ba"
#define MSG_SIGNATURE_BAD       "bbcb3bfbdf174b318f97a4e5cb54c8ea"
#define MSG_COUNTER_BEHIND      "0734440f910f4d73884079aa13b793a1"
#define MSG_ROLL_BACK           "eef7108f105145829afa097a72504f16"
#define MSG_STORE_FAILED        "4783ca8d9935427a801e50aeb03c0266"
#define MSG_ALARM_CONFIRM       "205f4590c35b445a88c495f29be6fdb5"
#define MSG_ALARM_PMA           "1f848528767542398a6b779eee67e367"
#define MSG_ALARM_SUSPEND       "be2414314940473687a8853432fbe0cc"
#define MSG_ALARM_DECISION      "e20bb02c17344afb81506b5797561a4b"
#define MSG_ALARM_DEFERRAL      "6c1f0c8f4d0b4ab2a3a7a41bd9d5e2f7"
#define MSG_ALARM_CEREMONY      "21f5010b5b9a4f998349d7e9e92a3a1c"
#define MSG_KEY_ENDED           "0c1d6f0e5b0b4f3d9f7e2a8c54b16d97"
#define MSG_HEAD                "195ab50ed5124b15b0c9be1978399c42"
#define MSG_SOFTWARE_TOKEN      "3aacb48832ae402ea5dd4a32be7fa169"
#define MSG_CONFIG_BAD          "92236ba4ba6045768ed3be2673ddd9a9"

#endif
