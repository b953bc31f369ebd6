"""SBML, levels 1 to 3. Level 2 and 3 are read directly; level 1 and composed models go through libSBML first."""
