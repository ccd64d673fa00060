"""Which perturbations are asked: masks, the requests they stand for, the plan of a study."""
