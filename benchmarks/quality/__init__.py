"""Whether searches find better nets: tables of real nets, scored fold by fold, and what rules of a race make of them."""
