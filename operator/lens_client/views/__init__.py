"""What each command shows of the API's answers: pure functions, without requests and clocks."""
