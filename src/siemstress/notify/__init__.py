"""How alerts reach people: whom they are told, and that each is told once."""
