"""Recording a run, and playing a recording back to either side."""
