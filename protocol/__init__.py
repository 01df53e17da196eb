"""What every part of Tideprint must compute alike; imports nothing of ours."""
