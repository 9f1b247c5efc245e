# The page for the room while nothing is in play.
include "page";
page("The room"; ""; $css; $script; "<h1>Nothing is in play</h1>\n<p>The facilitator begins with <code>smki-recovery-workshop start</code>.</p>\n" + follow)
