"""How folds are trained: ``keras`` by ``model.fit``, ``fused`` as compiled programs of many."""
