"""The suite: real servers, real SDK clients, a scripted provider in place of paid APIs."""
