"""A function with a URL of its own: wsk -i action create hello-py hello.py --web true.

It answers with its arguments; OpenWhisk adds those that begin with __ow_.
"""


def main(args: dict) -> dict:
    """Return a response of HTTP."""
    return {
        "statusCode": 200,
        "headers": {"Content-Type": "application/json"},
        "body": args,
    }
