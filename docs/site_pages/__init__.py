"""What the documentation's site is made with, beside its pages."""
