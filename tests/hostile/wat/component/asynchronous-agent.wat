;; Carries a function that returns later, by a feature that is off.
(component (type (component (import "f" (func async)))))
