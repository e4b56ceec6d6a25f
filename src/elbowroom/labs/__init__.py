"""Labs: questions people bring to variational autoencoders, each answered by a script with a table and a figure."""
