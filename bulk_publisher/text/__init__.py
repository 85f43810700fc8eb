"""How is what others wrote shown, so that it does no harm? Pure: text in, text out."""
