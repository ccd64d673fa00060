"""The design of a study: masks, the requests that they are sent as, the plan of both."""
