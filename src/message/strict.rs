//! A second reader, slow and straight from the grammar of RFC 9112, to check the first one against.
