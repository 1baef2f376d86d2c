-- When a slice was set aside as its worker's spool was damaged: nobody is heard of who holds it.
ALTER TABLE budget_slices ADD COLUMN set_aside_at timestamptz;
