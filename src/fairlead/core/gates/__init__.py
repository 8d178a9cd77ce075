"""Gates: what can be told of an answer without asking anybody. Each is one small file behind one table (`table`)."""
