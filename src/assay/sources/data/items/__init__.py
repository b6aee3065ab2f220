"""What an item is and how it is read: images, sound, text, rows of numbers; one file a kind."""
