"""Recipes: YAML in, a validated and immutable `Recipe` out."""
