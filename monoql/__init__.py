"""The Django project on top of the rooms: settings, URLs, and the faces that join several apps."""
