//! The one place of this program that reads the clock.

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;

/// Says what time it is. Everything behind the border takes the time as a value.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Timestamp + Send + Sync>);

impl Clock {
    /// The machine's clock.
    #[allow(clippy::disallowed_methods)]
    pub fn system() -> Clock {
        Clock(Arc::new(Timestamp::now))
    }

    /// Any other clock, as a test needs it.
    pub fn new(now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Clock {
        Clock(Arc::new(now))
    }

    /// What time it is.
    pub fn now(&self) -> Timestamp {
        (self.0)()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}
