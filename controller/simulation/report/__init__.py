"""What a campaign came to: numbers, and how they are shown as text, as JSON and as a page."""
