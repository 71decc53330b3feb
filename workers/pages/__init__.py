"""Pages for people: HTML files with their pictures in them, which fetch nothing from elsewhere."""
