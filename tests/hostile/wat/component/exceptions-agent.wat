;; Carries an exception, a feature that is off.
(component (core module (tag (param i32))))
