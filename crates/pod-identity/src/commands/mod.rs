//! What the program does beside `server`: each command reads what it is given, and answers with text or an error.

pub mod explain;
