"""The diagnoses, by what they look at; a module of this package registers those that it defines."""
