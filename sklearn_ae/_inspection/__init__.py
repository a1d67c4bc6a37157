"""What a fitted network says about itself and its data: plain functions."""
