def pytest_addoption(parser):
    parser.addoption(
        "--user-tool-trace",
        action="store_true",
        help="record a trace of the browser into /app/expensify/user_tool",
    )
