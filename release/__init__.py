"""What is handed out of Lens: the image, and the files of a release."""
