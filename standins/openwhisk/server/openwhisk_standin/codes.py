"""Status codes of activations, as records have them."""

SUCCESS, APPLICATION_ERROR, DEVELOPER_ERROR, WHISK_ERROR = range(4)
MESSAGES = ("success", "application error", "action developer error", "whisk internal error")
