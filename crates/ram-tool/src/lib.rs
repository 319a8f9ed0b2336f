//! ram-tool
