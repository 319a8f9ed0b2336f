//! Texts with `*` and `?`.

/// `*` stands for any text, `?` for one character; the whole of `text` has to fit.
pub(super) fn glob_matches(pattern: &str, text: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    // Places in the pattern that can be reached with what was read of the text.
    let mut places = vec![false; pattern.len().saturating_add(1)];
    let skip_stars = |places: &mut Vec<bool>| {
        for (index, sign) in pattern.iter().enumerate() {
            if *sign == '*' && places.get(index).copied().unwrap_or_default() {
                set(places, index.saturating_add(1));
            }
        }
    };
    set(&mut places, 0);
    skip_stars(&mut places);
    for character in text.chars() {
        let mut next = vec![false; places.len()];
        for (index, sign) in pattern.iter().enumerate() {
            if !places.get(index).copied().unwrap_or_default() {
                continue;
            }
            if *sign == '*' {
                set(&mut next, index);
            } else if *sign == '?' || *sign == character {
                set(&mut next, index.saturating_add(1));
            }
        }
        places = next;
        skip_stars(&mut places);
    }
    places.last().copied().unwrap_or_default()
}

fn set(places: &mut [bool], index: usize) {
    if let Some(place) = places.get_mut(index) {
        *place = true;
    }
}
