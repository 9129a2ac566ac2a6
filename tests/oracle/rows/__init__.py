"""What random programs do with libraries, one file a family."""
