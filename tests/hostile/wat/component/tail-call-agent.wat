;; Carries a loop without a loop, by a feature that is off.
(component (core module (func $f (return_call $f))))
