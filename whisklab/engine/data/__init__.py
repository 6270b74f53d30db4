"""What a run is told: settings, machines, secrets."""
