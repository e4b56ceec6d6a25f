"""What watches a training: the doctor, images of samples, the report at its end."""
