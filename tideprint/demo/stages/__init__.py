"""The stages, in order: founding, walking, rewards, sharing, forgetting, lasting. Each is a function of the world."""
