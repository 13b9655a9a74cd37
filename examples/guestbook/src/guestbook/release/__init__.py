"""What is done to a release from outside: `bin/app rpc guestbook.release.tasks FUNCTION`."""
