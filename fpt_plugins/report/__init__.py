"""From a study's folder to statistics, and to one page that a reader can trust."""
