//! What the program does beside `server`: each command reads what it is given, and answers with text or an error.

pub mod add;
pub mod doctor;
pub mod explain;
pub mod health;
pub mod init;
pub mod lint;
pub mod verify;
