;; Carries a memory for threads, a feature that is off.
(component (core module (memory 1 1 shared)))
