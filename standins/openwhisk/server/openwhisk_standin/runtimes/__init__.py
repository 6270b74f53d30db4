"""The action runtimes: a server of /init and /run in each action container."""

# What a runtime writes to both of its streams after each activation, as upstream's do: who
# collects logs knows by it that there are no more.
END_OF_LOGS = "X" * 3 + "_THE_END_OF_A_WHISK_ACTIVATION_" + "X" * 3
