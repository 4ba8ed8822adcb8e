//! Finds Dockerfiles and their build contexts on disk, reads them, and writes rewrites atomically.
