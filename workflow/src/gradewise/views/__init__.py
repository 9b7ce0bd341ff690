"""From images to fixed-size samples."""
