"""What users' security teams ask for: a list of components, and known vulnerabilities in them."""
