"""gSMILE's measures of our explanations, on the packaged model."""
