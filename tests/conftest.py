"""What all tests need of the process they run in."""

import signal

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # a shell starts background jobs so, and Ctrl-C is tested here
    signal.signal(signal.SIGINT, signal.default_int_handler)
